import { Suspense, type ReactNode } from 'react';
import { Skeleton } from '@weir/kit/States.tsx';

/** While a page's own file is loaded. */
export function Loading({ children }: { children: ReactNode }) {
  return <Suspense fallback={<div className="mx-auto w-full max-w-6xl px-4 py-8 sm:px-8"><Skeleton rows={6} /></div>}>{children}</Suspense>;
}
