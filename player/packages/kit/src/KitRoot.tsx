import { CSPProvider } from '@base-ui/react/csp-provider';
import { DirectionProvider } from '@base-ui/react/direction-provider';
import { i18n } from '@lingui/core';
import type { ReactNode } from 'react';
import { Texts, directionOf } from '@weir/ui/language.tsx';
import { Toasts } from './Toasts';

/** Around a page: its texts, direction, messages, and no style elements (the pages' policy allows files alone). */
export function KitRoot({ children }: { children: ReactNode }) {
  return (
    <Texts>
      <CSPProvider disableStyleElements>
        <DirectionProvider direction={directionOf(i18n.locale)}>
          <Toasts>{children}</Toasts>
        </DirectionProvider>
      </CSPProvider>
    </Texts>
  );
}
