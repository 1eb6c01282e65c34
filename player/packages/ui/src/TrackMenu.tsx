import { useLingui } from '@lingui/react/macro';
import type { Tracks } from '@weir/client/playback/tracks.ts';
import { useStore } from '@weir/client/observable.ts';
import { Glyph } from './icons';
import { Option, useMenu } from './Menu';

/** Sounds and subtitles of a recording; absent where there is nothing to choose. */
export function TrackMenu({ tracks }: { tracks: Tracks }) {
  const { t } = useLingui();
  const { sounds, sound, subtitles, subtitle } = useStore(tracks.view);
  const { open, setOpen, close, root, onKeyDown } = useMenu();
  if (sounds.length < 2 && subtitles.length === 0) return null;
  const choose = (deed: () => void) => () => {
    deed();
    close();
  };
  return (
    <div className="menu-place" ref={root} onKeyDown={onKeyDown}>
      <button type="button" className="control" data-testid="tracks-button" aria-haspopup="menu" aria-expanded={open} aria-label={t`Sound and subtitles`} title={t`Sound and subtitles`} onClick={() => setOpen(!open)}>
        <Glyph name="captions" />
      </button>
      {open && (
        <div className="menu" role="menu" aria-label={t`Sound and subtitles`}>
          {sounds.length > 1 && <div role="group" aria-label={t`Sound`}>
            <div className="menu-title" aria-hidden="true">{t`Sound`}</div>
            {sounds.map((one) => <Option key={one.index} label={one.name} value={`sound-${one.index}`} checked={one.index === sound} onChoose={choose(() => tracks.chooseSound(one.index))} />)}
          </div>}
          {subtitles.length > 0 && <div role="group" aria-label={t`Subtitles`}>
            <div className="menu-title" aria-hidden="true">{t`Subtitles`}</div>
            <Option label={t`Off`} value="subtitles-off" checked={subtitle < 0} onChoose={choose(() => tracks.chooseSubtitles(-1))} />
            {subtitles.map((one) => <Option key={one.index} label={one.name} value={`subtitles-${one.index}`} checked={one.index === subtitle} onChoose={choose(() => tracks.chooseSubtitles(one.index))} />)}
          </div>}
        </div>
      )}
    </div>
  );
}
