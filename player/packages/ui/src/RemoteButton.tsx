import { useEffect, useState, type RefObject } from 'react';
import { useLingui } from '@lingui/react/macro';
import { Control } from './Control';

/** Safari's own way to AirPlay. */
type AppleVideo = HTMLVideoElement & { webkitShowPlaybackTargetPicker?: () => void };
const APPLE_CHANGE = 'webkitplaybacktargetavailabilitychanged';

/** To a screen in the same network; shown while the browser knows one that can play this. */
export function RemoteButton({ video }: { video: RefObject<HTMLVideoElement | null> }) {
  const { t } = useLingui();
  const there = useRemote(video);
  if (!there) return null;
  const choose = () => {
    const shown: AppleVideo | null = video.current;
    if (shown?.webkitShowPlaybackTargetPicker !== undefined) shown.webkitShowPlaybackTargetPicker();
    else shown?.remote.prompt().catch(() => undefined); // nothing was chosen
  };
  return <Control icon="cast" label={t`Play on another screen`} onClick={choose} />;
}

function useRemote(video: RefObject<HTMLVideoElement | null>): boolean {
  const [there, setThere] = useState(false);
  useEffect(() => {
    const shown: AppleVideo | null = video.current;
    if (shown === null) return;
    const onChange = (event: Event) => setThere((event as Event & { availability?: string }).availability === 'available');
    shown.addEventListener(APPLE_CHANGE, onChange);
    if ('remote' in shown && shown.webkitShowPlaybackTargetPicker === undefined) shown.remote.watchAvailability(setThere).catch(() => setThere(false));
    return () => {
      shown.removeEventListener(APPLE_CHANGE, onChange);
      if ('remote' in shown) shown.remote.cancelWatchAvailability().catch(() => undefined);
    };
  }, [video]);
  return there;
}
