import { Suspense, lazy, useEffect, useRef, useState } from 'react';
import { useLingui } from '@lingui/react/macro';
import { fetched } from '@weir/client/fetched.ts';
import { forget, keep, recall } from '@weir/client/browserStorage.ts';
import type { WatchedStream } from '@weir/client/api.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import type { Switch } from '@weir/ui/Controls.tsx';
import { useFullScreen } from '@weir/ui/fullscreen.ts';
import { Player } from '@weir/ui/Player.tsx';
import { ChatSlot } from './ChatSlot';
import { Heading } from './Heading';
import { NextShow } from './NextShow';
import { Tabs, type Tab } from './Tabs';
import { useNarrow } from './useNarrow';

const About = lazy(async () => ({ default: (await fetched(() => import('./about/About'))).About }));

/** Picture, words and chat: side by side where there is room; on phones picture and title stay, and one of the others is below. */
export function WatchPage({ watching }: { watching: Watching }) {
  const { chat } = useStore(watching.view);
  const { stream, missing } = useStore(watching.follower.view);
  const root = useRef<HTMLDivElement>(null);
  const full = useFullScreen();
  const narrow = useNarrow();
  const theatre = useTheatre();
  const [chatOver, setChatOver] = useState(false);
  const alone = missing || stream?.state === 'recorded';
  const { tab, setTab } = useTab(narrow && !alone, stream);
  useTitle(stream);
  return (
    <div className="watch" ref={root} data-alone={alone} data-theatre={theatre.on && !narrow} data-full={full} data-chat-over={full && chatOver} data-tab={tab}>
      <main className="stage">
        <Player
          watching={watching} frame={root} theatre={narrow ? null : theatre}
          chat={chat === null ? null : { on: chatOver, toggle: () => setChatOver(!chatOver) }} next={stream !== null && <NextShow stream={stream} />}
        />
        {!missing && <Below watching={watching} tab={tab} onTab={setTab} />}
      </main>
      {!alone && <ChatSlot watching={watching} />}
    </div>
  );
}

interface BelowProps {
  watching: Watching;
  tab: Tab | undefined;
  onTab: (tab: Tab) => void;
}

/** The words under the picture. */
function Below({ watching, tab, onTab }: BelowProps) {
  const { stream } = useStore(watching.follower.view);
  return (
    <div className="below">
      <Heading watching={watching} />
      {tab !== undefined && <Tabs tab={tab} onChoose={onTab} />}
      <div className="details" id="about-panel" role={tab === undefined ? undefined : 'tabpanel'} aria-labelledby={tab === undefined ? undefined : 'tab-about'}>
        <Suspense>{stream !== null && <About watching={watching} stream={stream} />}</Suspense>
      </div>
    </div>
  );
}

function useTitle(stream: WatchedStream | null): void {
  const { t } = useLingui();
  const title = stream?.title ?? '';
  useEffect(() => {
    document.title = title === '' ? t`Watch` : title;
  }, [title, t]);
}

/** Which of the two a small screen shows: the chat while there is a broadcast, until the reader chooses. Undefined without tabs. */
function useTab(tabbed: boolean, stream: WatchedStream | null): { tab: Tab | undefined; setTab: (tab: Tab) => void } {
  const [chosen, setTab] = useState<Tab | null>(null);
  const usual = stream?.state === 'idle' ? 'about' : 'chat';
  return { tab: tabbed ? (chosen ?? usual) : undefined, setTab };
}

/** The picture over the full width; remembered in this browser. */
function useTheatre(): Switch {
  const [theatre, setTheatre] = useState(recall('theatre') === 'yes');
  const toggle = () => {
    if (theatre) forget('theatre');
    else keep('theatre', 'yes');
    setTheatre(!theatre);
  };
  return { on: theatre, toggle };
}
