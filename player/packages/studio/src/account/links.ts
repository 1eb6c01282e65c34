const PURPOSES = ['setup', 'invitation', 'reset', 'verify'] as const;

/** A one-time link, as `weir up` prints it or a mail brings it: `/studio#PURPOSE=TOKEN`. */
export interface OneTimeLink {
  purpose: (typeof PURPOSES)[number];
  token: string;
}

/** The link after the `#` of an address, null when there is none. */
export function oneTimeLink(hash: string): OneTimeLink | null {
  const given = new URLSearchParams(hash.slice(1));
  for (const purpose of PURPOSES) {
    const token = given.get(purpose);
    if (token !== null && token !== '') return { purpose, token };
  }
  return null;
}

/** The link of this page's address. A one-time token leaves the address bar and the history at once. */
export function takeLink(): OneTimeLink | null {
  const link = oneTimeLink(location.hash);
  if (link !== null) history.replaceState(null, '', location.pathname);
  return link;
}
