import { useLingui } from '@lingui/react/macro';
import { useRef } from 'react';
import { useFeedback } from '@weir/kit/CopyField.tsx';

interface Props {
  label: string;
  text: string;
  testId?: string;
}

/** Text for machines, with a button that copies it. */
export function CodeBlock({ label, text, testId }: Props) {
  const { t } = useLingui();
  const block = useRef<HTMLPreElement>(null);
  const [feedback, show] = useFeedback();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      show(t`Copied`);
    } catch {
      // Pages without https may not write the clipboard: the text is selected for the keyboard instead.
      if (block.current !== null) getSelection()?.selectAllChildren(block.current);
      show(t`Press Ctrl + C`);
    }
  };
  return (
    <figure className="code">
      <figcaption><span>{label}</span><button type="button" className="quiet-button" aria-label={t`Copy ${label}`} onClick={() => void copy()}><span role="status">{feedback ?? t`Copy`}</span></button></figcaption>
      <pre ref={block} className="mono" tabIndex={0} aria-label={label} data-testid={testId}>{text}</pre>
    </figure>
  );
}
