// Shows a notification when a followed stream starts, and opens its page on a click. The words come with the registration, in
// the reader's language.
const words = new URL(self.location.href).searchParams;

self.addEventListener('push', (event) => {
  let told = {};
  try {
    told = event.data.json();
  } catch {
    // a push without a readable text still has to show something
  }
  const title = String(told.title || words.get('untitled') || 'A stream');
  const url = String(told.url || '/');
  event.waitUntil(self.registration.showNotification(title, { body: words.get('live') || 'Live now', data: { url }, tag: url }));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const goal = new URL(event.notification.data.url, self.location.origin);
  event.waitUntil(self.clients.openWindow(goal.origin === self.location.origin ? goal.href : self.location.origin));
});
