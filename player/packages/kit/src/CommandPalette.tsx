import { Autocomplete } from '@base-ui/react/autocomplete';
import { Dialog } from '@base-ui/react/dialog';
import { useLingui } from '@lingui/react/macro';
import { Search, type LucideIcon } from 'lucide-react';

export interface Command {
  id: string;
  label: string;
  icon?: LucideIcon;
  /** Found by these words too. */
  words?: string;
  onChoose: () => void;
}

export interface CommandGroup {
  value: string;
  items: readonly Command[];
}

/** Everything one can go to or do, by typing. */
export function CommandPalette({ open, groups, onClose }: { open: boolean; groups: readonly CommandGroup[]; onClose: () => void }) {
  const { t } = useLingui();
  const choose = (command: Command) => {
    onClose();
    command.onChoose();
  };
  return (
    <Dialog.Root open={open} onOpenChange={(next) => { if (!next) onClose(); }}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/50" />
        <Dialog.Popup aria-label={t`Go to or do`} className="popup fixed inset-x-3 top-[12dvh] z-50 mx-auto flex max-h-[70dvh] max-w-xl flex-col overflow-hidden" data-testid="palette">
          <Autocomplete.Root open inline items={groups} itemToStringValue={(command: Command) => `${command.label} ${command.words ?? ''}`} autoHighlight="always" keepHighlight>
            <Autocomplete.InputGroup className="flex items-center gap-2.5 border-b border-line px-4">
              <Search size={17} className="shrink-0 text-soft" aria-hidden />
              <Autocomplete.Input className="h-13 w-full bg-transparent outline-none" aria-label={t`Search pages, streams and actions`} placeholder={t`Search pages, streams and actions`} />
            </Autocomplete.InputGroup>
            <Dialog.Close className="sr-only">{t`Close`}</Dialog.Close>
            <div className="overflow-y-auto p-1.5">
              <Autocomplete.Empty><p className="px-3 py-8 text-center text-soft">{t`Nothing has that name.`}</p></Autocomplete.Empty>
              <Autocomplete.List>
                {(group: CommandGroup) => (
                  <Autocomplete.Group key={group.value} items={group.items}>
                    <Autocomplete.GroupLabel className="px-3 pt-2 pb-1 text-[13px] text-soft">{group.value}</Autocomplete.GroupLabel>
                    <Autocomplete.Collection>
                      {(command: Command) => (
                        <Autocomplete.Item key={command.id} value={command} className="popup-item tap" onClick={() => choose(command)}>
                          {command.icon !== undefined && <command.icon size={16} aria-hidden className="shrink-0 text-soft" />}
                          <span className="truncate" dir="auto">{command.label}</span>
                        </Autocomplete.Item>
                      )}
                    </Autocomplete.Collection>
                  </Autocomplete.Group>
                )}
              </Autocomplete.List>
            </div>
          </Autocomplete.Root>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
