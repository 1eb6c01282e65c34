import { useLingui } from '@lingui/react/macro';
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { Playback } from '@weir/client/playback/playback.ts';
import { parsePreviews, previewAt, type Preview } from '@weir/client/previews.ts';
import { useStore } from '@weir/client/observable.ts';
import { clockText } from '@weir/client/format.ts';

const PAGE_S = 60;

interface Props {
  playback: Playback;
  /** A finished show counts from its beginning, a live one back from now. */
  recorded: boolean;
  previews: boolean;
}

/** The way through a recording, or through what a live stream keeps of its past. */
export function SeekBar({ playback, recorded, previews }: Props) {
  const { t } = useLingui();
  const { at, from, to } = useStore(playback.view);
  const pictures = usePreviews(playback, previews);
  const bar = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const [dragged, setDragged] = useState(false);
  if (at === null || to <= from) return null;

  const moment = (event: PointerEvent) => {
    const box = bar.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return from;
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from);
  };
  const text = (seconds: number) => (recorded ? clockText(seconds - from) : to - seconds < 1 ? t`Live` : `−${clockText(to - seconds)}`);
  const share = (seconds: number) => `${(((seconds - from) / (to - from)) * 100).toFixed(3)}%`;
  const shown = dragged && pointed !== null ? pointed : at;
  const onKeyDown = (event: KeyboardEvent) => {
    const goal = { Home: from, End: to, PageUp: at - PAGE_S, PageDown: at + PAGE_S }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    playback.seek(goal);
  };
  return (
    <div
      className="seek" ref={bar} role="slider" tabIndex={0} data-testid="seek" dir="ltr" aria-label={t`Position`} aria-valuemin={0}
      aria-valuemax={Math.round(to - from)} aria-valuenow={Math.round(at - from)} aria-valuetext={text(at)} onKeyDown={onKeyDown}
      onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); setDragged(true); setPointed(moment(event)); }}
      onPointerMove={(event) => setPointed(moment(event))}
      onPointerUp={(event) => { if (dragged) playback.seek(moment(event)); setDragged(false); }}
      onPointerCancel={() => setDragged(false)} onPointerLeave={() => setPointed(null)}
    >
      <div className="seek-track"><div className="seek-past" style={{ width: share(shown) }} /></div>
      <div className="seek-knob" style={{ left: share(shown) }} />
      {pointed !== null && <Pointed share={share(pointed)} text={text(pointed)} picture={previewAt(pictures, pointed - from)} playback={playback} />}
    </div>
  );
}

function Pointed({ share, text, picture, playback }: { share: string; text: string; picture: Preview | null; playback: Playback }) {
  const width = picture?.width ?? 48;
  return (
    <div className="seek-pointed" data-testid="seek-preview" style={{ left: `clamp(${width / 2}px, ${share}, calc(100% - ${width / 2}px))` }}>
      {picture !== null && (
        <div
          className="seek-picture"
          style={{
            width: picture.width, height: picture.height, backgroundImage: `url("${playback.address(picture.sheet)}")`,
            backgroundPosition: `-${picture.x}px -${picture.y}px`,
          }}
        />
      )}
      <span>{text}</span>
    </div>
  );
}

/** Without them the bar shows times only. */
function usePreviews(playback: Playback, wanted: boolean): readonly Preview[] {
  const [pictures, setPictures] = useState<readonly Preview[]>([]);
  useEffect(() => {
    if (!wanted) return;
    const asking = new AbortController();
    fetch(playback.address('previews.vtt'), { signal: asking.signal })
      .then(async (answer) => { if (answer.ok) setPictures(parsePreviews(await answer.text())); })
      .catch(() => undefined);
    return () => asking.abort();
  }, [playback, wanted]);
  return pictures;
}
