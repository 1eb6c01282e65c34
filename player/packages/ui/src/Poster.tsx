import { useState } from 'react';

/** The still picture of a stream while nothing plays. There may be none: then the page is as it is without. */
export function Poster({ address }: { address: string }) {
  const [state, setState] = useState<'loading' | 'shown' | 'none'>('loading');
  if (state === 'none') return null;
  return <img className="poster" data-testid="poster" data-state={state} src={address} alt="" fetchPriority="high" onLoad={() => setState('shown')} onError={() => setState('none')} />;
}
