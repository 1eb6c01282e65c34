import { Switch as BaseSwitch } from '@base-ui/react/switch';
import { useId, type ComponentProps, type ReactNode } from 'react';

interface Labels {
  label: ReactNode;
  hint?: ReactNode;
  /** What is wrong with the value. */
  error?: string | undefined;
}

/** A label, a field, what helps to fill it in and what is wrong with it. */
function Labelled({ id, label, hint, error, children }: Labels & { id: string; children: ReactNode }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] content-start gap-1.5">
      <label htmlFor={id} className="text-[13px] font-semibold [overflow-wrap:anywhere]">{label}</label>
      {children}
      {hint !== undefined && <small id={`${id}-hint`} className="text-[13px] text-soft">{hint}</small>}
      {error !== undefined && <small id={`${id}-error`} className="text-[13px] text-warn" role="alert">{error}</small>}
    </div>
  );
}

function described(id: string, hint: ReactNode, error: string | undefined) {
  const ids = [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`].filter(Boolean).join(' ');
  return { 'aria-describedby': ids === '' ? undefined : ids, 'aria-invalid': error !== undefined || undefined };
}

export function TextField({ label, hint, error, className = '', ...rest }: ComponentProps<'input'> & Labels) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <input id={id} autoComplete="off" dir="auto" className={`entry ${className}`} {...described(id, hint, error)} {...rest} />
    </Labelled>
  );
}

export function TextArea({ label, hint, error, className = '', ...rest }: ComponentProps<'textarea'> & Labels) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <textarea id={id} dir="auto" className={`entry ${className}`} {...described(id, hint, error)} {...rest} />
    </Labelled>
  );
}

/** The browser's own list: best on phones and for the keyboard. */
export function SelectField({ label, hint, error, className = '', children, ...rest }: ComponentProps<'select'> & Labels) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <select id={id} className={`entry ${className}`} {...described(id, hint, error)} {...rest}>{children}</select>
    </Labelled>
  );
}

interface SwitchProps {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  disabled?: boolean;
  testId?: string;
  onChange: (checked: boolean) => void;
}

/** On or off, at once. */
export function SwitchField({ label, hint, checked, disabled = false, testId, onChange }: SwitchProps) {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <BaseSwitch.Root
        aria-labelledby={id} checked={checked} disabled={disabled} onCheckedChange={onChange} data-testid={testId}
        className="relative mt-0.5 h-6 w-10.5 shrink-0 rounded-full bg-soft/60 p-0.5 transition-colors data-checked:bg-accent data-disabled:opacity-50"
      >
        <BaseSwitch.Thumb className="block size-5 rounded-full bg-white shadow transition-transform data-checked:translate-x-4.5 rtl:data-checked:-translate-x-4.5" />
      </BaseSwitch.Root>
      <div className="grid min-w-0">
        <span id={id}>{label}</span>
        {hint !== undefined && <small className="text-[13px] text-soft">{hint}</small>}
      </div>
    </div>
  );
}
