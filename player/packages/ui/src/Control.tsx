import { Glyph, type IconName } from './icons';

interface ControlProps {
  icon: IconName;
  label: string;
  className?: string;
  pressed?: boolean;
  onClick: () => void;
}

export function Control({ icon, label, className = '', pressed, onClick }: ControlProps) {
  return (
    <button type="button" className={`control ${className}`} aria-label={label} title={label} aria-pressed={pressed} onClick={onClick}>
      <Glyph name={icon} />
    </button>
  );
}
