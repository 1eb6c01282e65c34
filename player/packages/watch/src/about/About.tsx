import { Trans, useLingui } from '@lingui/react/macro';
import type { Planned, StreamLink, WatchedStream } from '@weir/client/api.ts';
import { appointmentText } from '@weir/client/format.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { CalendarButton } from '../CalendarButton';
import { Description } from './Description';
import { PageSettings } from './PageSettings';
import { PastShows } from './PastShows';
import './about.css';

interface Props {
  watching: Watching;
  stream: WatchedStream;
}

/** What there is to read about the stream, and its past broadcasts. */
export function About({ watching, stream }: Props) {
  const { of } = stream;
  return (
    <>
      {of !== null && (
        <p className="of-stream" data-testid="of-stream">
          <Trans>A recording of <a href={`/watch/${of.playback_id}`}><bdi>{of.title}</bdi></a></Trans>
        </p>
      )}
      {stream.description !== '' && <Description text={stream.description} />}
      <Tags tags={stream.tags} />
      <Links links={stream.links} />
      <Schedule stream={stream} />
      <PastShows watching={watching} stream={stream} />
      <PageSettings />
    </>
  );
}

function Tags({ tags }: { tags: readonly string[] }) {
  const { t } = useLingui();
  if (tags.length === 0) return null;
  return (
    <ul className="tags" aria-label={t`Tags`}>
      {tags.map((tag) => <li key={tag} title={tag}><bdi>{tag}</bdi></li>)}
    </ul>
  );
}

function Links({ links }: { links: readonly StreamLink[] }) {
  const { t } = useLingui();
  const shown = links.flatMap(({ label, url }) => (URL.canParse(url) && new URL(url).protocol === 'https:' ? { label, url: new URL(url) } : []));
  if (shown.length === 0) return null;
  return (
    <ul className="stream-links" aria-label={t`Links`}>
      {shown.map(({ label, url }) => (
        <li key={`${label} ${url.href}`}>
          <a href={url.href} title={url.href} target="_blank" rel="noopener noreferrer nofollow">
            <Glyph name="link" />
            <bdi>{label}</bdi>
            <span className="link-host">{url.host}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Schedule({ stream }: { stream: WatchedStream }) {
  const { t } = useLingui();
  if (stream.schedule.length === 0) return null;
  return (
    <section className="schedule" aria-label={t`Schedule`} data-testid="schedule">
      <h2>{t`Schedule`}</h2>
      <ul>
        {stream.schedule.map((planned) => <li key={`${planned.starts_at} ${planned.title}`}><Appointment stream={stream} planned={planned} /></li>)}
      </ul>
    </section>
  );
}

function Appointment({ stream, planned }: { stream: WatchedStream; planned: Planned }) {
  return (
    <>
      <div className="appointment">
        <time dateTime={planned.starts_at}>{appointmentText(planned.starts_at)}</time>
        {planned.title !== '' && <span title={planned.title}><bdi>{planned.title}</bdi></span>}
      </div>
      <CalendarButton stream={stream} planned={planned} />
    </>
  );
}
