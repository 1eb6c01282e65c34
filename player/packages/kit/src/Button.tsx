import { LoaderCircle, type LucideIcon } from 'lucide-react';
import type { ComponentProps, ReactNode } from 'react';

export type ButtonLook = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<ButtonLook, string> = {
  primary: 'bg-accent text-accent-ink hover:brightness-110',
  plain: 'bg-raised text-ink hover:brightness-97 dark:hover:brightness-110',
  quiet: 'text-soft hover:bg-raised hover:text-ink',
  danger: 'bg-live/12 text-live hover:bg-live/20',
};

/** The shape of a button, also for a link that looks like one. */
export function buttonClass(look: ButtonLook = 'plain', size: 'small' | 'normal' = 'normal'): string {
  const room = size === 'small' ? 'min-h-8 px-2.5 text-[13px]' : 'tap min-h-9.5 px-3.5';
  return `inline-flex items-center justify-center gap-2 rounded-control font-semibold whitespace-nowrap no-underline transition-[filter,background-color] disabled:opacity-50 disabled:pointer-events-none ${room} ${LOOKS[look]}`;
}

type Props = ComponentProps<'button'> & {
  look?: ButtonLook;
  size?: 'small' | 'normal';
  /** Work goes on: the button is disabled and shows it. */
  busy?: boolean;
  icon?: LucideIcon;
  children: ReactNode;
};

export function Button({ look = 'plain', size = 'normal', busy = false, icon: Icon, disabled, className = '', children, type = 'button', ...rest }: Props) {
  return (
    <button type={type} className={`${buttonClass(look, size)} ${className}`} disabled={disabled === true || busy} aria-busy={busy || undefined} {...rest}>
      {busy ? <LoaderCircle size={16} className="animate-spin" aria-hidden /> : Icon !== undefined && <Icon size={16} aria-hidden />}
      {children}
    </button>
  );
}

type IconProps = ComponentProps<'button'> & { label: string; icon: LucideIcon; look?: ButtonLook };

/** A button that is a picture; its name is spoken and shown as its title. */
export function IconButton({ label, icon: Icon, look = 'quiet', className = '', ...rest }: IconProps) {
  return (
    <button type="button" className={`tap inline-grid size-9.5 shrink-0 place-items-center rounded-control ${LOOKS[look]} disabled:opacity-50 pointer-coarse:size-11 ${className}`} aria-label={label} title={label} {...rest}>
      <Icon size={18} aria-hidden />
    </button>
  );
}
