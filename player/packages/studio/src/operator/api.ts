import { download, request } from '@weir/client/http.ts';
import type { App, AuditEntry, Page } from '../api';
import { auditQuery, LONGEST_PAGE, type AuditFilter } from '../log/filter';

export const PLANS = ['free', 'starter', 'pro', 'enterprise'] as const;
export type Plan = (typeof PLANS)[number];
export type Feature = 'analytics' | 'branding';

/** `account` is the app's first owner. */
export interface OperatorApp extends Omit<App, 'role'> {
  features: Record<Feature, boolean>;
  created: string;
  account: string | null;
}

export interface PlanChange {
  plan?: Plan | null;
  trial?: { plan: Plan; until: string } | null;
  features?: Partial<Record<Feature, boolean>>;
  state?: 'active' | 'suspended';
}

/** What answers: each part is "ok" or "down". */
export interface Health {
  status: 'ok' | 'degraded';
  timestamp: string;
  database: string;
  redis: string;
}

export const operator = {
  apps: (bearer: string, { q, state, cursor }: { q: string; state: string; cursor: string }) =>
    request<Page<OperatorApp>>('GET', `/v1/operator/apps?${new URLSearchParams({ limit: '50', ...(q === '' ? {} : { q }), ...(state === '' ? {} : { state }), ...(cursor === '' ? {} : { cursor }) }).toString()}`, { bearer }),
  change: (bearer: string, app: string, body: PlanChange) => request<OperatorApp>('PATCH', `/v1/operator/apps/${app}`, { bearer, body }),
  audit: (bearer: string, filter: AuditFilter, cursor: string) => request<Page<AuditEntry>>('GET', `/v1/operator/audit?${auditQuery(filter, cursor)}`, { bearer }),
  auditCsv: (bearer: string, filter: AuditFilter) => download(`/v1/operator/audit?${auditQuery(filter, '', LONGEST_PAGE)}&format=csv`, bearer, 'installation-log.csv'),
  health: () => request<Health>('GET', '/healthz'),
};
