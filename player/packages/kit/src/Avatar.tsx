import { useState } from 'react';
import { hueOf } from '@weir/client/format.ts';

/** A picture, or the first letter on a colour that belongs to the id. */
export function Avatar({ id, name, src, size = 32 }: { id: string; name: string; src?: string | null; size?: number }) {
  const [broken, setBroken] = useState(false);
  const box = { inlineSize: size, blockSize: size };
  if (src !== undefined && src !== null && src !== '' && !broken) {
    return <img className="shrink-0 rounded-full bg-raised object-cover" style={box} src={src} alt="" referrerPolicy="no-referrer" onError={() => setBroken(true)} />;
  }
  const [first] = new Intl.Segmenter().segment(name.trim());
  const letter = first?.segment.toUpperCase() ?? '?';
  return (
    <span className="grid shrink-0 place-items-center rounded-full font-semibold text-white" style={{ ...box, fontSize: size * 0.45, backgroundColor: `oklch(0.45 0.11 ${hueOf(id)})` }} aria-hidden>{letter}</span>
  );
}
