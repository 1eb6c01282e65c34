import { useId, type ComponentProps, type ReactNode } from 'react';

type Of<Tag extends 'input' | 'textarea' | 'select'> = Omit<ComponentProps<Tag>, 'onChange' | 'value'> & {
  label: string;
  hint?: ReactNode;
  value: string;
  onChange: (value: string) => void;
};

/** A label, a field and what helps to fill it in. */
function Labelled({ id, label, hint, children }: { id: string; label: string; hint: ReactNode; children: ReactNode }) {
  return (
    <div className="labelled">
      <label htmlFor={id}>{label}</label>
      {children}
      {hint !== undefined && <small id={`${id}-hint`} className="soft">{hint}</small>}
    </div>
  );
}

function described(id: string, hint: ReactNode): { 'aria-describedby'?: string } {
  return hint === undefined ? {} : { 'aria-describedby': `${id}-hint` };
}

export function TextField({ label, hint, onChange, className = '', ...rest }: Of<'input'>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <input id={id} autoComplete="off" {...described(id, hint)} {...rest} className={`field ${className}`} onChange={(event) => onChange(event.target.value)} />
    </Labelled>
  );
}

/** A value that is not shown again once it is saved. */
export function SecretField(props: Of<'input'>) {
  return <TextField type="password" autoComplete="new-password" spellCheck={false} {...props} />;
}

export function TextArea({ label, hint, onChange, className = '', ...rest }: Of<'textarea'>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <textarea id={id} {...described(id, hint)} {...rest} className={`field ${className}`} onChange={(event) => onChange(event.target.value)} />
    </Labelled>
  );
}

export function Choice({ label, hint, onChange, className = '', children, ...rest }: Of<'select'>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <select id={id} {...described(id, hint)} {...rest} className={`field ${className}`} onChange={(event) => onChange(event.target.value)}>{children}</select>
    </Labelled>
  );
}

interface CheckProps {
  label: string;
  hint?: string;
  name: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

export function Check({ label, hint, onChange, ...rest }: CheckProps) {
  return (
    <label className="choice check">
      <input type="checkbox" {...rest} onChange={(event) => onChange(event.target.checked)} />
      <span><span><bdi>{label}</bdi></span>{hint !== undefined && <small className="soft">{hint}</small>}</span>
    </label>
  );
}
