import { t } from '@lingui/core/macro';
import { getPushKey, type PushTarget } from '@weir/client/followers.ts';

/** The reader or the browser said no. */
export class PushRefused extends Error {}

/** This browser as a target of notifications; asks the reader. Errors: PushRefused; Problem. */
export async function subscribe(): Promise<PushTarget> {
  if ((await Notification.requestPermission()) !== 'granted') {
    throw new PushRefused(t`This browser does not allow notifications from this site. You can change that in the browser’s settings for this page.`);
  }
  const applicationServerKey = await getPushKey();
  try {
    const words = new URLSearchParams({ untitled: t`A stream you follow`, live: t`Live now` });
    await navigator.serviceWorker.register(`/push.js?${words.toString()}`);
    const worker = await navigator.serviceWorker.ready;
    const known = await worker.pushManager.getSubscription();
    const { endpoint, keys } = (known ?? (await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }))).toJSON();
    return { endpoint: endpoint ?? '', keys: { p256dh: keys?.['p256dh'] ?? '', auth: keys?.['auth'] ?? '' } };
  } catch {
    throw new PushRefused(t`This browser’s notification service cannot be reached. Try again later, or follow by e-mail.`);
  }
}
