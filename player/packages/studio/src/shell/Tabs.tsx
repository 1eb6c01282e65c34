import { Link, useLocation } from 'wouter';

/** Parts of one page, each with an address. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly (readonly [href: string, title: string])[] }) {
  const [location] = useLocation();
  return (
    <nav aria-label={label} className="-mt-2 flex flex-wrap gap-x-1 border-b border-line">
      {tabs.map(([href, title]) => (
        <Link key={href} href={href} aria-current={location === href ? 'page' : undefined} className="tap -mb-px inline-flex min-h-10 items-center border-b-2 border-transparent px-3 font-semibold text-soft no-underline hover:text-ink aria-[current]:border-accent aria-[current]:text-ink">{title}</Link>
      ))}
    </nav>
  );
}
