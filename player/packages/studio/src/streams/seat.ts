import { streams } from '../api';
import type { StudioApp } from '../shell/AppContext';
import type { FullStream } from './api';

const SEAT_S = 86_400;

/** Opens the watch page with the member's own seat in its chat. Errors: Problem. */
export async function openSeat({ app, account, askAs }: StudioApp, stream: FullStream): Promise<void> {
  const role = app.role === 'owner' ? 'owner' : 'moderator';
  const { token } = await askAs(streams.seat, { sub: account.id, name: account.name || 'Streamer', roles: { [stream.channel]: role }, staff: true, ttl_s: SEAT_S });
  const rights = stream.visibility === 'public' ? {} : { token: (await askAs(streams.playbackToken, stream.id, SEAT_S)).token };
  window.open(`/watch/${stream.playback_id}#${new URLSearchParams({ user: token, ...rights }).toString()}`, '_blank', 'noopener');
}
