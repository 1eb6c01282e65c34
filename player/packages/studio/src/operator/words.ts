import { msg } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import type { Tone } from '@weir/kit/Badge.tsx';
import type { Feature, OperatorApp, Plan } from './api';

export const APP_STATES: Record<OperatorApp['state'], { words: MessageDescriptor; tone: Tone }> = {
  active: { words: msg`Active`, tone: 'good' },
  archived: { words: msg`Closed`, tone: 'neutral' },
  suspended: { words: msg`Suspended`, tone: 'bad' },
  deleting: { words: msg`Being deleted`, tone: 'warn' },
};

const PLANS: Record<Plan, MessageDescriptor> = { free: msg({ message: 'Free', context: 'plan' }), starter: msg`Starter`, pro: msg`Pro`, enterprise: msg`Enterprise` };

/** By the names that the API gives, which may be newer than these. */
export const PLAN_WORDS: Readonly<Record<string, MessageDescriptor | undefined>> = PLANS;

export const FEATURES: Record<Feature, MessageDescriptor> = { analytics: msg`Analytics`, branding: msg`Own branding` };
