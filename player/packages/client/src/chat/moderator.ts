import { t } from '@lingui/core/macro';
import { Store } from '../observable';
import type {
  ActionsAnswer, CardAnswer, DecisionAnswer, HeldAnswer, HeldMessage, ModerationAction, Refusal, Restriction, RestrictionsAnswer,
} from './wire';

/** Another moderator may decide at any time, so what is shown is read again this often while it is looked at. */
const AGAIN_MS = 4_000;
const ACTIONS = 50;

export interface ModeratorView {
  /** Null until it was read once. */
  held: readonly HeldMessage[] | null;
  actions: readonly ModerationAction[] | null;
  restrictions: readonly Restriction[] | null;
  trouble: string | null;
}

type Ask = <T>(request: string, data: object) => Promise<T | null>;

/** What moderators of a channel see beside the chat: what waits for them, what was done, who is restricted. */
export class Moderator {
  readonly view = new Store<ModeratorView>({ held: null, actions: null, restrictions: null, trouble: null });
  readonly #ask: Ask;
  #timer: number | undefined;
  #watchers = 0;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Reads now and again and again; the returned function ends it. */
  readonly watch = (): (() => void) => {
    this.#watchers += 1;
    if (this.#watchers === 1) void this.#turn();
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) clearTimeout(this.#timer);
    };
  };

  async refresh(): Promise<void> {
    const [held, actions, restrictions] = await Promise.all([
      this.#ask<HeldAnswer>('held.list', { limit: ACTIONS }),
      this.#ask<ActionsAnswer>('moderation.actions', { limit: ACTIONS }),
      this.#ask<RestrictionsAnswer>('moderation.restrictions', {}),
    ]);
    const trouble = troubleOf(held) ?? troubleOf(actions) ?? troubleOf(restrictions);
    this.view.update({
      trouble,
      ...(held?.ok === true ? { held: held.held } : {}),
      ...(actions?.ok === true ? { actions: actions.actions } : {}),
      ...(restrictions?.ok === true ? { restrictions: restrictions.restrictions } : {}),
    });
  }

  /** What went wrong, in words; null when it was done, or when another moderator was first. */
  async decide(id: string, approve: boolean): Promise<string | null> {
    const answer = await this.#ask<DecisionAnswer>('held.decide', { id, approve });
    if (answer?.ok === true || answer?.error.code === 'not_found') {
      this.view.update({ held: (this.view.get().held ?? []).filter((one) => one.id !== id) });
      return null;
    }
    return answer === null ? t`No answer came; look again before you repeat it.` : answer.error.message;
  }

  card(user: string): Promise<CardAnswer | null> {
    return this.#ask<CardAnswer>('moderation.user', { user });
  }

  async #turn(): Promise<void> {
    if (!document.hidden) await this.refresh();
    if (this.#watchers > 0) this.#timer = window.setTimeout(() => void this.#turn(), AGAIN_MS);
  }
}

function troubleOf(answer: { ok: true } | Refusal | null): string | null {
  return answer?.ok === false ? answer.error.message : null;
}
