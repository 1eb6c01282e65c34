import { spanOf } from '../places/days';

const PAGE = 50;
export const LONGEST_PAGE = 200;

/** What an audit log shows. Days are the reader's; empty texts choose nothing. */
export interface AuditFilter {
  action: string;
  actor: string;
  since: string;
  until: string;
}

export const EVERYTHING: AuditFilter = { action: '', actor: '', since: '', until: '' };

/** The API's query; the last day is shown as a whole. */
export function auditQuery({ action, actor, since, until }: AuditFilter, cursor: string, limit = PAGE): string {
  const given = { action, actor, since: spanOf(since)?.since ?? '', until: spanOf(until)?.until ?? '', cursor };
  return new URLSearchParams([['limit', String(limit)], ...Object.entries(given).filter(([, value]) => value !== '')]).toString();
}
