import { Menu as Base } from '@base-ui/react/menu';
import type { LucideIcon } from 'lucide-react';
import { Fragment, type ReactElement } from 'react';

export interface MenuItem {
  label: string;
  icon?: LucideIcon;
  danger?: boolean;
  disabled?: boolean;
  /** Marked as the present choice. */
  chosen?: boolean;
  testId?: string;
  onChoose: () => void;
}

interface Props {
  /** The button that opens it. */
  trigger: ReactElement;
  /** Groups are divided by lines; a group may have a heading. */
  groups: readonly { heading?: string; items: readonly MenuItem[] }[];
  align?: 'start' | 'end';
}

export function Menu({ trigger, groups, align = 'end' }: Props) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} sideOffset={6} className="z-50">
          <Base.Popup className="popup max-h-[70dvh] max-w-[min(20rem,92vw)] min-w-48 overflow-y-auto p-1.5">
            {groups.map(({ heading, items }, index) => (
              <Fragment key={heading ?? index}>
                {index > 0 && <Base.Separator className="my-1.5 border-t border-line" />}
                <Base.Group>
                  {heading !== undefined && <Base.GroupLabel className="px-3 py-1 text-[13px] text-soft">{heading}</Base.GroupLabel>}
                  {items.map((item) => <Item key={item.label} item={item} />)}
                </Base.Group>
              </Fragment>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

function Item({ item: { label, icon: Icon, danger = false, disabled = false, chosen = false, testId, onChoose } }: { item: MenuItem }) {
  return (
    <Base.Item className={`popup-item tap ${danger ? 'text-live' : ''}`} disabled={disabled} data-testid={testId} aria-current={chosen || undefined} onClick={onChoose}>
      {Icon !== undefined && <Icon size={16} aria-hidden className="shrink-0" />}
      <span className="min-w-0 flex-1 truncate" dir="auto">{label}</span>
      {chosen && <span aria-hidden>✓</span>}
    </Base.Item>
  );
}
