import type { ReactNode } from 'react';

/** Line icons on a 24-unit grid; they take the colour of the text. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round">
      {children}
    </svg>
  );
}

const PATHS = {
  play: <path d="M8 5.5v13l10.5-6.5z" fill="currentColor" />,
  pause: <path d="M8.5 5.5v13M15.5 5.5v13" strokeWidth="3" />,
  sound: <><path d="M4 10v4h3l4 3.5v-11L7 10z" fill="currentColor" /><path d="M14.5 9a4.2 4.2 0 0 1 0 6M17 6.5a7.8 7.8 0 0 1 0 11" /></>,
  silent: <><path d="M4 10v4h3l4 3.5v-11L7 10z" fill="currentColor" /><path d="m15 9.5 5 5m0-5-5 5" /></>,
  captions: <><rect x="3" y="5" width="18" height="14" rx="3" /><path d="M7 12h4M7 15.5h7M14 12h3" /></>,
  quality: <><path d="M4 7h9m4 0h3M4 17h3m4 0h9" /><circle cx="15" cy="7" r="2" /><circle cx="9" cy="17" r="2" /></>,
  full: <path d="M4 9V4.5h4.5M15.5 4.5H20V9m0 6v4.5h-4.5M8.5 19.5H4V15" />,
  small: <path d="M8.5 4.5V9H4m16 0h-4.5V4.5m0 15V15H20M4 15h4.5v4.5" />,
  window: <><rect x="3.5" y="5" width="17" height="14" rx="2" /><rect x="11.5" y="11.5" width="6" height="4.5" rx="1" fill="currentColor" /></>,
  send: <path d="M4.5 12 20 4.5 15.5 20l-3.2-6.3z" />,
  eye: <><path d="M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12z" /><circle cx="12" cy="12" r="2.8" /></>,
  copy: <><rect x="8.5" y="8.5" width="11" height="11" rx="2" /><path d="M15.5 5.5a1.5 1.5 0 0 0-1.5-1.5H6a2 2 0 0 0-2 2v8a1.5 1.5 0 0 0 1.5 1.5" /></>,
  done: <path d="m5 12.5 4.5 4.5L19 7.5" />,
  plus: <path d="M12 5v14M5 12h14" />,
  moon: <path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z" />,
  waves: <path d="M3 9c3 0 3 2 6 2s3-2 6-2 3 2 6 2M3 14.5c3 0 3 2 6 2s3-2 6-2 3 2 6 2" />,
  broken: <><path d="M9.5 14.5 7 17a3.2 3.2 0 0 1-4.5-4.5L6 9M14.5 9.5 17 7a3.2 3.2 0 0 1 4.5 4.5L18 15" /><path d="M8 4v2M4 8h2m10 12v-2m4-2h-2" /></>,
  flag: <path d="M6 20.5V4.5h11.5l-2.5 4 2.5 4H6" />,
  lock: <><rect x="5" y="10.5" width="14" height="9.5" rx="2" /><path d="M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5" /></>,
  lost: <><circle cx="12" cy="12" r="8.5" /><path d="M9.8 9.6a2.3 2.3 0 1 1 3.2 2.2c-.7.3-1 .8-1 1.7M12 16.3v.1" /></>,
  more: <path d="M5.5 12h.01M12 12h.01M18.5 12h.01" strokeWidth="3" />,
  reply: <path className="mirrored" d="M9.5 7 4.5 12l5 5M5 12h9a5.5 5.5 0 0 1 5.5 5.5v1" />,
  smile: <><circle cx="12" cy="12" r="8.5" /><path d="M8.3 14.2a4.4 4.4 0 0 0 7.4 0M9 9.6v.1M15 9.6v.1" /></>,
  out: <><path d="M13.5 4.5h6v6M19 5l-8 8" className="mirrored" /><path d="M10 6H6.5A1.5 1.5 0 0 0 5 7.5v10A1.5 1.5 0 0 0 6.5 19h10a1.5 1.5 0 0 0 1.5-1.5V14" className="mirrored" /></>,
  shield: <path d="M12 3.8 5.5 6v5.5c0 4 2.7 7.200 6.5 8.700 3.800-1.5 6.5-4.700 6.5-8.700V6z" />,
  close: <path d="m6.5 6.5 11 11m0-11-11 11" />,
  pin: <><path d="m9.5 4 .6 6.2L7 13.5h10l-3.1-3.3.6-6.2zM12 13.5V20" /></>,
  people: <><circle cx="9" cy="8.5" r="3.2" /><path d="M3 19c.4-3.4 2.8-5.2 6-5.2s5.6 1.8 6 5.2M15.6 5.7a3.2 3.2 0 0 1 0 5.6M17.6 14.4c2 .7 3.2 2.3 3.4 4.6" /></>,
  heart: <path d="M12 20S4 15.3 4 9.6A4.3 4.3 0 0 1 12 7.4a4.3 4.3 0 0 1 8 2.2C20 15.3 12 20 12 20z" fill="currentColor" />,
  clap: <><path d="m6.6 12.8 5.3-5.3a1.35 1.35 0 0 1 1.9 1.9l-2.7 2.7 4.3-4.3a1.35 1.35 0 0 1 1.9 1.9l-3.7 3.7 2.7-2.7a1.35 1.35 0 0 1 1.9 1.9l-5 5a5.3 5.3 0 0 1-7.5 0 5.3 5.3 0 0 1-.5-6.9l.8-3.5a1.35 1.35 0 0 1 2.6.5z" fill="currentColor" strokeWidth="1" /><path d="M9.5 3v2.2M5.3 4.3l1.2 1.9M13.7 3.8l-.8 1.5" /></>,
  gear: <><circle cx="12" cy="12" r="3" /><path d="M12 3.5v2.3M12 18.2v2.3M3.5 12h2.3M18.2 12h2.3M6 6l1.6 1.6M16.4 16.4 18 18M18 6l-1.6 1.6M7.6 16.4 6 18" strokeWidth="2.6" /><circle cx="12" cy="12" r="6" /></>,
  next: <path className="mirrored" d="m9.5 6 6 6-6 6" />,
  back: <path className="mirrored" d="m14.5 6-6 6 6 6" />,
  theatre: <rect x="3" y="6.5" width="18" height="11" rx="1.5" />,
  narrow: <><rect x="3" y="6.5" width="18" height="11" rx="1.5" /><path d="M15.5 6.5v11" /></>,
  chat: <path d="M5.5 5h13A1.5 1.5 0 0 1 20 6.5v8a1.5 1.5 0 0 1-1.5 1.5H11l-4.5 4v-4h-1A1.5 1.5 0 0 1 4 14.5v-8A1.5 1.5 0 0 1 5.5 5z" />,
  cast: <><path d="M4 8.5v-2A1.5 1.5 0 0 1 5.5 5h13A1.5 1.5 0 0 1 20 6.5v11a1.5 1.5 0 0 1-1.5 1.5H14" /><path d="M4 12.5a6.5 6.5 0 0 1 6.5 6.5M4 16a3 3 0 0 1 3 3" /></>,
  share: <><path d="M12 15V4.5M8 8l4-3.8L16 8" /><path d="M6 11.5v6.5A1.5 1.5 0 0 0 7.5 19.5h9a1.5 1.5 0 0 0 1.5-1.5v-6.5" /></>,
  bell: <><path d="M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5z" /><path d="M10.3 20.5a2 2 0 0 0 3.4 0" /></>,
  calendar: <><rect x="4" y="5.5" width="16" height="14.5" rx="2" /><path d="M4 10h16M8.5 3.5v4M15.5 3.5v4" /></>,
  link: <><path d="M10 14a3.5 3.5 0 0 0 5 0l3-3a3.5 3.5 0 0 0-5-5l-1 1" /><path d="M14 10a3.5 3.5 0 0 0-5 0l-3 3a3.5 3.5 0 0 0 5 5l1-1" /></>,
  globe: <><circle cx="12" cy="12" r="8.5" /><path d="M3.5 12h17M12 3.5c3 2.7 3 14.3 0 17M12 3.5c-3 2.7-3 14.3 0 17" /></>,
  sun: <><circle cx="12" cy="12" r="4" /><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4" /></>,
  pencil: <path d="m5 19 .8-3.6L16 5.2a1.6 1.6 0 0 1 2.3 0l.5.5a1.6 1.6 0 0 1 0 2.3L8.6 18.2z" />,
};

export type IconName = keyof typeof PATHS;

export function Glyph({ name }: { name: IconName }) {
  return <Icon>{PATHS[name]}</Icon>;
}
