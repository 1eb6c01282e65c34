import { ArrowLeft } from 'lucide-react';
import { useEffect, useRef, type ReactNode } from 'react';
import { Link } from 'wouter';

/** The heading of a page inside a section. It takes the focus, so that the keyboard goes on from there. */
export function PageTitle({ children, back, section }: { children: ReactNode; back: string; section: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <>
      <BackLink section={section}>{back}</BackLink>
      <h1 ref={heading} tabIndex={-1} dir="auto">{children}</h1>
    </>
  );
}

export function BackLink({ section, children }: { section: string; children: string }) {
  return <Link className="back" href={`/${section}`}><ArrowLeft size={14} className="rtl:-scale-x-100" aria-hidden />{children}</Link>;
}
