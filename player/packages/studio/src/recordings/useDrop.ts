import { useState, type DragEvent } from 'react';

/** Whether files hang over the element, and its handlers; `took` gets those that were dropped. */
export function useDrop(took: (files: FileList) => void) {
  const [over, setOver] = useState(false);
  const holdsFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  const handlers = {
    onDragOver: (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event: DragEvent) => setOver(event.currentTarget.contains(event.relatedTarget as Node | null)),
    onDrop: (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(false);
      took(event.dataTransfer.files);
    },
  };
  return [over, handlers] as const;
}
