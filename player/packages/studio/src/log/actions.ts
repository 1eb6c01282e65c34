import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';

export type ActionTable = Readonly<Record<string, MessageDescriptor>>;

/** What may be in an app's log. */
export const ACTIONS: ActionTable = {
  'app.created': msg`The app was created`, 'app.updated': msg`The app’s settings were changed`, 'app.archived': msg`The app was closed`, 'app.restored': msg`The app was opened again`,
  'app.suspended': msg`The app was suspended by the operator`, 'app.resumed': msg`The app was resumed by the operator`, 'app.replanned': msg`The app’s plan was changed`, 'app.deleted': msg`The app was deleted`,
  'key.created': msg`A key was created`, 'key.uploaded': msg`A public key was added`, 'key.rotated': msg`A key was replaced`, 'key.revoked': msg`A key was revoked`,
  'member.joined': msg`A member joined`, 'member.role': msg`A member’s role was changed`, 'member.removed': msg`A member left or was removed`,
  'invitation.created': msg`Somebody was invited`, 'invitation.withdrawn': msg`An invitation was withdrawn`,
  'stream.created': msg`A stream was created`, 'stream.updated': msg`A stream’s settings were changed`, 'stream.deleted': msg`A stream was deleted`, 'stream.key_rotated': msg`A stream got a new key`,
  'stream.disconnected': msg`An encoder was disconnected`, 'stream.completed': msg`A broadcast was ended`, 'stream.overlay_made': msg`An overlay was created`, 'stream.overlay_deleted': msg`An overlay was deleted`, 'access.revoked': msg`Access was withdrawn`,
  'upload.started': msg`An upload was started`, 'upload.deleted': msg`An upload was deleted`, 'follower.deleted': msg`A follower was removed`,
  'playback_tokens.minted': msg`Playback tokens were made`, 'user_tokens.minted': msg`User tokens were made`, 'upload_tokens.minted': msg`Upload tokens were made`,
  'recording.started': msg`A recording was started`, 'recording.stopped': msg`A recording was stopped`, 'recording.updated': msg`A recording was changed`, 'recording.deleted': msg`A recording was deleted`,
  'profile.created': msg`A profile was created`, 'profile.updated': msg`A profile was changed`, 'profile.deleted': msg`A profile was deleted`,
  'webhook.created': msg`A webhook was created`, 'webhook.updated': msg`A webhook was changed`, 'webhook.deleted': msg`A webhook was deleted`, 'webhook.secret.rotated': msg`A webhook’s secret was replaced`,
  'webhook.tested': msg`A webhook was tested`, 'webhook.replayed': msg`Events were sent again to a webhook`, 'before_message.changed': msg`The question before a message was changed`,
  'source.created': msg`A source was created`, 'source.updated': msg`A source was changed`, 'source.deleted': msg`A source was deleted`, 'source.secret_rotated': msg`A source’s secret was replaced`, 'source.replayed': msg`A source’s requests were read again`,
  'integration.created': msg`An integration was created`, 'integration.updated': msg`An integration was changed`, 'integration.deleted': msg`An integration was deleted`,
  'place.created': msg`A place was created`, 'place.updated': msg`A place was changed`, 'place.deleted': msg`A place was deleted`,
  'spaces.added': msg`Spaces were added`, 'space.updated': msg`A space was changed`, 'space.state': msg`A space was taken out of service, or back`, 'space.deleted': msg`A space was removed`,
  'reservation.created': msg`A space was reserved`, 'reservation.cancelled': msg`A reservation was cancelled`,
  'device.created': msg`A device was registered`, 'device.assigned': msg`A device was assigned`, 'device.deleted': msg`A device was removed`,
};

/** What may be in the installation's log. */
export const INSTALLATION_ACTIONS: ActionTable = {
  'account.created': msg`An account was created`, 'account.verified': msg`An address was verified`, 'account.password_changed': msg`A password was changed`,
  'account.signed_out_everywhere': msg`Somebody signed out everywhere`, 'account.deleted': msg`An account was deleted`,
  'sign_in.done': msg`Somebody signed in`, 'sign_in.failed': msg`A sign-in failed`, 'sign_in.ended': msg`Somebody signed out`, 'session.shared': msg`A sign-in was used twice and ended`,
  'app.deleted': msg`The app was deleted`,
};

/** An audit entry's action as a sentence; its code where we have none. */
export function actionText(action: string, actions: ActionTable = ACTIONS): string {
  const known = actions[action];
  return known === undefined ? action : i18n._(known);
}
