import type { FullStream, StreamChange, StreamSettings } from './api';

/** What of a draft differs from the stream: nothing else is sent, so that others' changes meanwhile stay. */
export function changesOf(stream: FullStream, draft: StreamChange): StreamChange {
  const names = Object.keys(draft) as (keyof StreamSettings)[];
  return Object.fromEntries(names.filter((name) => JSON.stringify(draft[name]) !== JSON.stringify(stream[name])).map((name) => [name, draft[name]]));
}

/** A moment as an `<input type="datetime-local">` has it, in the reader's zone. */
export function localMoment(rfc3339: string): string {
  const moment = new Date(rfc3339);
  if (Number.isNaN(moment.getTime())) return '';
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function momentOf(local: string): string {
  return local === '' ? '' : new Date(local).toISOString();
}
