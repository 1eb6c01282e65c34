import { useEffect, useState } from 'react';
import { useLingui } from '@lingui/react/macro';
import type { Playback } from '@weir/client/playback/playback.ts';
import { SPEEDS } from '@weir/client/playback/place.ts';
import type { PlaybackView, Rung } from '@weir/client/playback/view.ts';
import { useStore } from '@weir/client/observable.ts';
import { locale, rateText } from '@weir/client/format.ts';
import { Glyph } from './icons';
import { Entry, Option, focusIn, useMenu } from './Menu';
import type { PanelName } from './PlayerPanels';

type Page = 'all' | 'quality' | 'speed';

interface Props {
  playback: Playback;
  onPanel: (panel: PanelName) => void;
  /** Null where the browser has no picture in picture. */
  onPictureInPicture: (() => void) | null;
}

/** The gear: quality, speed, and what else concerns the picture. */
export function SettingsMenu({ playback, onPanel, onPictureInPicture }: Props) {
  const { t } = useLingui();
  const view = useStore(playback.view);
  const { open, setOpen, close, root, onKeyDown } = useMenu();
  const [page, setPage] = useState<Page>('all');
  useEffect(() => {
    if (open) focusIn(root.current?.querySelector<HTMLElement>('.menu') ?? null);
  }, [open, page, root]);
  const leave = (deed: () => void) => () => {
    deed();
    close();
  };
  const toggle = () => {
    setPage('all');
    setOpen(!open);
  };
  const quality = useQualityWords(view);
  return (
    <div className="menu-place" ref={root} onKeyDown={onKeyDown}>
      <button type="button" className="control settings-button" data-testid="settings-button" aria-haspopup="menu" aria-expanded={open} aria-label={t`Settings, ${quality}`} title={t`Settings`} onClick={toggle}>
        <Glyph name="gear" />
        <span>{quality}</span>
      </button>
      {open && (
        <div className="menu" role="menu" aria-label={t`Settings`} data-page={page}>
          {page === 'quality' && <QualityPage playback={playback} onBack={() => setPage('all')} onDone={close} />}
          {page === 'speed' && <SpeedPage playback={playback} onBack={() => setPage('all')} onDone={close} />}
          {page === 'all' && (
            <>
              {view.rungs.length > 0 && <Entry name="quality" label={t`Quality`} detail={<>{quality}<Glyph name="next" /></>} onChoose={() => setPage('quality')} />}
              {playback.speedable && <Entry name="speed" label={t`Speed`} detail={<>{speedText(view.speed)}<Glyph name="next" /></>} onChoose={() => setPage('speed')} />}
              {view.rungs.length > 1 && <Option alone label={t`Use less data`} value="saving" checked={view.saving} onChoose={() => playback.quality.saveData(!view.saving)} />}
              {onPictureInPicture && <Entry name="pip" label={t`Picture in picture`} className="narrow-only" onChoose={leave(onPictureInPicture)} />}
              <Entry name="statistics" label={t`Statistics`} detail="i" onChoose={leave(() => onPanel('statistics'))} />
              <Entry name="keys" label={t`Keyboard shortcuts`} detail="?" className="keys-entry" onChoose={leave(() => onPanel('keys'))} />
            </>
          )}
        </div>
      )}
    </div>
  );
}

function useQualityWords({ chosen, saving, rungs, height }: PlaybackView): string {
  const { t } = useLingui();
  if (saving && rungs.length > 1) return t`Less data`;
  if (chosen !== null && rungs.length > 0) return `${rungs.find((one) => one.height <= chosen)?.height ?? rungs.at(-1)?.height ?? chosen}p`;
  return height === null ? t`Auto` : t`Auto (${height}p)`;
}

interface PageProps {
  playback: Playback;
  onBack: () => void;
  onDone: () => void;
}

/** Automatic or one height of the ladder. */
function QualityPage({ playback, onBack, onDone }: PageProps) {
  const { t } = useLingui();
  const { rungs, chosen, saving, height } = useStore(playback.view);
  const choose = (wanted: number | null) => () => {
    playback.quality.choose(wanted);
    onDone();
  };
  const automatic = chosen === null && !saving;
  return (
    <>
      <Back label={t`Quality`} onBack={onBack} />
      <Option label={t`Auto`} detail={automatic && height !== null ? `${height}p` : ''} value="auto" checked={automatic} onChoose={choose(null)} />
      {rungs.map((rung) => (
        <Option key={rung.index} label={`${rung.height}p`} detail={detailOf(rung)} value={String(rung.height)} checked={!saving && chosen === rung.height} onChoose={choose(rung.height)} />
      ))}
    </>
  );
}

/** Usual frame rates need no word. */
function detailOf({ frames, rate }: Rung): string {
  return [frames > 0 ? `${frames} fps` : '', rate > 0 ? rateText(rate) : ''].filter(Boolean).join(' · ');
}

function SpeedPage({ playback, onBack, onDone }: PageProps) {
  const { t } = useLingui();
  const { speed } = useStore(playback.view);
  return (
    <>
      <Back label={t`Speed`} onBack={onBack} />
      {SPEEDS.map((one) => (
        <Option
          key={one} label={one === 1 ? t`Normal` : speedText(one)} value={`speed-${one}`} checked={one === speed}
          onChoose={() => {
            playback.setSpeed(one);
            onDone();
          }}
        />
      ))}
    </>
  );
}

function speedText(speed: number): string {
  return `${speed.toLocaleString(locale())}×`;
}

function Back({ label, onBack }: { label: string; onBack: () => void }) {
  return (
    <button type="button" role="menuitem" className="menu-item menu-back" data-testid="settings-back" onClick={onBack}>
      <Glyph name="back" />
      {label}
    </button>
  );
}
