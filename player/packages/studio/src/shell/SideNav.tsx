import { useLingui } from '@lingui/react/macro';
import { Link, useLocation } from 'wouter';
import { atLeast } from '../roles';
import { GROUPS } from './sections';
import type { Studio } from './Studio';

/** The pages of an app that the reader's role may see. */
export function SideNav({ studio, appId }: { studio: Studio; appId: string }) {
  const { t, i18n } = useLingui();
  const [location] = useLocation();
  const role = studio.apps.find(({ id }) => id === appId)?.role ?? 'viewer';
  const present = location.split('/')[2] ?? 'home';
  return (
    <nav aria-label={t`Studio`} className="-mx-1 grid min-h-0 flex-1 content-start gap-4 overflow-y-auto px-1 pb-2">
      {GROUPS.map(({ title, sections }) => {
        const shown = sections.filter(({ least }) => atLeast(role, least));
        return shown.length > 0 && (
          <div key={title?.id ?? ''} className="grid gap-0.5">
            {title !== null && <h2 className="px-2.5 pb-1 text-[13px] font-semibold text-soft">{i18n._(title)}</h2>}
            {shown.map((section) => (
              <Link
                key={section.id} href={`/${appId}/${section.id}`} aria-current={section.id === present ? 'page' : undefined}
                className="tap flex min-h-8.5 items-center gap-2.5 rounded-control px-2.5 text-soft no-underline hover:bg-raised hover:text-ink aria-[current]:bg-raised aria-[current]:font-semibold aria-[current]:text-ink"
              >
                <section.icon size={16} aria-hidden className="shrink-0" />
                {i18n._(section.title)}
              </Link>
            ))}
          </div>
        );
      })}
    </nav>
  );
}
