import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';

const ACTIONS: Record<string, MessageDescriptor> = {
  'app.created': msg`The app was created`, 'app.updated': msg`The app’s settings were changed`, 'app.archived': msg`The app was closed`, 'app.restored': msg`The app was opened again`,
  'app.suspended': msg`The app was suspended by the operator`, 'app.resumed': msg`The app was resumed by the operator`, 'app.replanned': msg`The app’s plan was changed`, 'app.deleted': msg`The app was deleted`,
  'key.created': msg`A key was created`, 'key.uploaded': msg`A public key was added`, 'key.rotated': msg`A key was replaced`, 'key.revoked': msg`A key was revoked`,
  'member.joined': msg`A member joined`, 'member.role': msg`A member’s role was changed`, 'member.removed': msg`A member left or was removed`,
  'invitation.created': msg`Somebody was invited`, 'invitation.withdrawn': msg`An invitation was withdrawn`,
  'stream.created': msg`A stream was created`, 'stream.updated': msg`A stream’s settings were changed`, 'stream.deleted': msg`A stream was deleted`, 'stream.key_rotated': msg`A stream got a new key`,
  'stream.disconnected': msg`An encoder was disconnected`, 'stream.completed': msg`A broadcast was ended`, 'access.revoked': msg`Access was withdrawn`,
  'recording.started': msg`A recording was started`, 'recording.stopped': msg`A recording was stopped`, 'recording.updated': msg`A recording was changed`, 'recording.deleted': msg`A recording was deleted`,
  'profile.created': msg`A profile was created`, 'profile.updated': msg`A profile was changed`, 'profile.deleted': msg`A profile was deleted`,
  'webhook.created': msg`A webhook was created`, 'webhook.updated': msg`A webhook was changed`, 'webhook.deleted': msg`A webhook was deleted`, 'webhook.secret.rotated': msg`A webhook’s secret was replaced`,
  'webhook.tested': msg`A webhook was tested`, 'webhook.replayed': msg`Events were sent again to a webhook`, 'before_message.changed': msg`The question before a message was changed`,
  'source.created': msg`A source was created`, 'source.updated': msg`A source was changed`, 'source.deleted': msg`A source was deleted`, 'source.secret_rotated': msg`A source’s secret was replaced`, 'source.replayed': msg`A source’s requests were read again`,
  'integration.created': msg`An integration was created`, 'integration.updated': msg`An integration was changed`, 'integration.deleted': msg`An integration was deleted`,
  'place.created': msg`A place was created`, 'place.updated': msg`A place was changed`, 'place.deleted': msg`A place was deleted`,
  'device.created': msg`A device was registered`, 'device.assigned': msg`A device was assigned`, 'device.deleted': msg`A device was removed`,
};

/** An audit entry's action as a sentence; its code where we have none. */
export function actionText(action: string): string {
  const known = ACTIONS[action];
  return known === undefined ? action : i18n._(known);
}
