import { Toast } from '@base-ui/react/toast';
import { useLingui } from '@lingui/react/macro';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { wordsOf } from '@weir/client/http.ts';
import { IconButton } from './Button';

/** Short words about what was just done, at the page's edge; they leave by themselves. */
export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider timeout={6_000}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="fixed inset-x-3 bottom-3 z-60 mx-auto grid max-w-sm gap-2 sm:ms-auto sm:me-4 sm:bottom-4">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { t } = useLingui();
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className={`popup flex items-center gap-3 px-4 py-2.5 ${toast.type === 'error' ? 'text-warn' : ''}`} data-testid="toast">
      <Toast.Content className="flex min-w-0 flex-1 items-center gap-3">
        <Toast.Title className="min-w-0 flex-1 font-normal [overflow-wrap:anywhere]" />
        <Toast.Action className="shrink-0 font-semibold text-accent" />
        <Toast.Close render={<IconButton label={t`Close`} icon={X} className="-me-2" />} />
      </Toast.Content>
    </Toast.Root>
  ));
}

export interface Say {
  done: (words: string, undo?: { label: string; onUndo: () => void }) => void;
  failed: (error: unknown) => void;
}

export function useToast(): Say {
  const manager = Toast.useToastManager();
  return {
    done: (words, undo) => void manager.add({ title: words, ...(undo === undefined ? {} : { actionProps: { children: undo.label, onClick: undo.onUndo } }) }),
    failed: (error) => void manager.add({ title: wordsOf(error), type: 'error', priority: 'high' }),
  };
}
