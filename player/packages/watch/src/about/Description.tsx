import { useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { useLingui } from '@lingui/react/macro';
import { blocksOf, type Block, type Inline } from './markdown';

/** What the owner wrote about the stream: four lines of it, and the rest on request. */
export function Description({ text }: { text: string }) {
  const { t } = useLingui();
  const box = useRef<HTMLDivElement>(null);
  const [whole, setWhole] = useState(false);
  const cut = useCut(box, whole);
  return (
    <section className="description" aria-label={t`Description`}>
      <div className="description-text" ref={box} data-whole={whole} data-cut={cut} data-testid="description" dir="auto">
        <Formatted text={text} />
      </div>
      {(cut || whole) && (
        <button type="button" className="link-button more-button" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? t`Show less` : t`Show more`}
        </button>
      )}
    </section>
  );
}

/** Only elements that are made here; nothing of the text becomes one by itself. */
export function Formatted({ text }: { text: string }): ReactNode {
  return blocksOf(text).map((block, index) => <BlockOf key={index} block={block} />);
}

/** Whether some of it is hidden now. */
function useCut(box: React.RefObject<HTMLDivElement | null>, whole: boolean): boolean {
  const [cut, setCut] = useState(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || whole) return;
    const watcher = new ResizeObserver(() => setCut(element.scrollHeight > element.clientHeight + 1));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [box, whole]);
  return cut;
}

function BlockOf({ block }: { block: Block }): ReactNode {
  if (block.kind === 'code') return <pre tabIndex={0}><code>{block.text}</code></pre>;
  if (block.kind === 'paragraph') return <p><Inlines pieces={block.inside} /></p>;
  const items = block.items.map((item, index) => <li key={index}><Inlines pieces={item} /></li>);
  return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
}

function Inlines({ pieces }: { pieces: readonly Inline[] }): ReactNode {
  return pieces.map((piece, index) => <InlineOf key={index} piece={piece} />);
}

function InlineOf({ piece }: { piece: Inline }): ReactNode {
  switch (piece.kind) {
    case 'text': return piece.text;
    case 'code': return <code>{piece.text}</code>;
    case 'break': return <br />;
    case 'strong': return <strong><Inlines pieces={piece.inside} /></strong>;
    case 'em': return <em><Inlines pieces={piece.inside} /></em>;
    case 'link': return <a href={piece.href} title={new URL(piece.href).host} target="_blank" rel="noopener noreferrer nofollow ugc"><Inlines pieces={piece.inside} /></a>;
  }
}
