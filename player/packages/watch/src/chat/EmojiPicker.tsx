import { useEffect, useRef } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import { msg } from '@lingui/core/macro';
import { i18n, type MessageDescriptor } from '@lingui/core';
import { EmojiPicker as Picker, type EmojiPickerListEmojiProps, type EmojiPickerListRowProps } from 'frimousse';
import { categories, emojis } from 'virtual:emoji';


const NAMES: Record<string, MessageDescriptor> = {
  'smileys-emotion': msg`Smileys`, 'people-body': msg`People`, 'animals-nature': msg`Animals and nature`, 'food-drink': msg`Food and drink`,
  'travel-places': msg`Travel and places`, activities: msg`Activities`, objects: msg`Objects`, symbols: msg`Symbols`, flags: msg`Flags`,
};
const SKIN_TONES = { light: '', 'medium-light': '', medium: '', 'medium-dark': '', dark: '' };

function data() {
  return { locale: i18n.locale, emojis, skinTones: SKIN_TONES, categories: categories.map(({ index, key }) => ({ index, label: NAMES[key] === undefined ? key : i18n._(NAMES[key]) })) };
}

/** Rows and columns are counted from one; the library counts from zero. */
function Row({ 'aria-rowindex': row = 0, ...props }: EmojiPickerListRowProps) {
  return <div {...props} aria-rowindex={row + 1} />;
}

function One({ emoji, 'aria-colindex': column = 0, ...props }: EmojiPickerListEmojiProps) {
  return <button type="button" {...props} aria-colindex={column + 1}>{emoji.emoji}</button>;
}

/** Emoji to search and to choose from; the data is a file of ours. */
export function EmojiPicker({ onPick, onClose }: { onPick: (emoji: string) => void; onClose: () => void }) {
  const { t } = useLingui();
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    root.current?.querySelector('input')?.focus();
    const leave = (event: PointerEvent) => {
      const target = event.target as Element;
      if (root.current?.contains(target) === false && target.closest('[data-testid="emoji-button"]') === null) onClose();
    };
    document.addEventListener('pointerdown', leave);
    return () => document.removeEventListener('pointerdown', leave);
  }, [onClose]);
  return (
    <div ref={root} className="emoji" role="dialog" aria-label={t`Emoji`} data-testid="emoji" onKeyDown={(event) => { if (event.key === 'Escape') onClose(); }}>
      <Picker.Root className="emoji-root" columns={8} resolveEmojiData={data} onEmojiSelect={({ emoji }) => onPick(emoji)}>
        <Picker.Search className="field" aria-label={t`Search emoji`} placeholder={t`Search emoji`} />
        <Picker.Viewport className="emoji-view">
          <Picker.Loading className="emoji-said"><Trans>Loading …</Trans></Picker.Loading>
          <Picker.Empty className="emoji-said"><Trans>No emoji found.</Trans></Picker.Empty>
          <Picker.List className="emoji-list" components={{ Row, Emoji: One }} />
        </Picker.Viewport>
      </Picker.Root>
    </div>
  );
}
