import { useState, type CSSProperties } from 'react';
import { hueOf } from '@weir/client/format.ts';

interface Props {
  name: string;
  /** https, or empty. */
  address: string;
  className?: string;
}

/** A person's picture, or the initial where there is none or it can't be loaded. Decoration: the name stands beside it. */
export function Avatar({ name, address, className = '' }: Props) {
  const [broken, setBroken] = useState<string | null>(null);
  const shown = address.startsWith('https://') && broken !== address;
  return (
    <span className={`avatar ${className}`} aria-hidden="true" data-testid="avatar" style={{ '--hue': hueOf(name) } as CSSProperties}>
      {shown ? <img src={address} alt="" referrerPolicy="no-referrer" onError={() => setBroken(address)} /> : initialOf(name)}
    </span>
  );
}

/** The first letter as people see it, also one of several code points. */
function initialOf(name: string): string {
  const [first] = new Intl.Segmenter().segment(name.trim());
  return first?.segment.toLocaleUpperCase() ?? '';
}
