// Shows a notification when a followed stream starts, and opens its page on a click.
self.addEventListener('push', (event) => {
  let told = {};
  try {
    told = event.data.json();
  } catch {
    // a push without a readable text still has to show something
  }
  const { title = 'A stream has started', body = '', url = '/' } = told;
  event.waitUntil(self.registration.showNotification(String(title), { body: String(body), data: { url: String(url) }, tag: String(url) }));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const goal = new URL(event.notification.data.url, self.location.origin);
  event.waitUntil(self.clients.openWindow(goal.origin === self.location.origin ? goal.href : self.location.origin));
});
