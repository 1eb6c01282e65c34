import { createSortedRowModel, rowSortingFeature, sortFn_alphanumeric, sortFn_basic, sortFn_datetime, sortFn_text, tableFeatures, useTable, type ColumnDef } from '@tanstack/react-table';
import { useLingui } from '@lingui/react/macro';
import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react';
import type { ReactNode } from 'react';

const FEATURES = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, text: sortFn_text, basic: sortFn_basic, datetime: sortFn_datetime },
});

/** One column: what its cell shows, and what it is sorted by (absent: it is not sorted). */
export interface Column<Row> {
  id: string;
  title: string;
  cell: (row: Row) => ReactNode;
  sortBy?: (row: Row) => string | number;
  /** At the end of the line, digits below each other. */
  figure?: boolean;
  /** Only from this width on: phones show the first columns and `detail`. */
  wide?: boolean;
}

interface Props<Row> {
  /** What the table lists, for those who hear it. */
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowId: (row: Row) => string;
  testId?: string;
}

/** Rows that can be sorted by their columns' heads. On phones the columns that are `wide` are left out. */
export function DataTable<Row extends object>({ label, rows, columns, rowId, testId }: Props<Row>) {
  const { t } = useLingui();
  const table = useTable({
    features: FEATURES,
    data: rows,
    columns: columns.map((column): ColumnDef<typeof FEATURES, Row> => ({
      id: column.id,
      accessorFn: column.sortBy ?? (() => ''),
      enableSorting: column.sortBy !== undefined,
      sortFn: 'basic',
    })),
    getRowId: rowId,
  });
  const byId = new Map(columns.map((column) => [column.id, column]));
  return (
    <div className="relative overflow-x-auto rounded-card border border-line bg-surface">
      <table className="w-full text-start" aria-label={label}>
        <thead>
          <tr className="border-b border-line text-[13px] text-soft">
            {table.getHeaderGroups().flatMap(({ headers }) => headers).map((header) => {
              const column = byId.get(header.id);
              const sorted = header.column.getIsSorted();
              return (
                <th key={header.id} scope="col" aria-sort={sorted === false ? undefined : sorted === 'asc' ? 'ascending' : 'descending'} className={`px-4 py-2.5 font-semibold ${cellClass(column)}`}>
                  {header.column.getCanSort() ? (
                    <button type="button" className="inline-flex items-center gap-1 font-semibold hover:text-ink" title={t`Sort`} onClick={header.column.getToggleSortingHandler()}>
                      {column?.title}
                      {sorted === false ? <ChevronsUpDown size={13} aria-hidden className="opacity-50" /> : sorted === 'asc' ? <ArrowUp size={13} aria-hidden /> : <ArrowDown size={13} aria-hidden />}
                    </button>
                  ) : column?.title === '' ? <span className="sr-only">{t`Actions`}</span> : column?.title}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} className="border-b border-line last:border-0 hover:bg-raised/50" data-testid={testId}>
              {columns.map((column) => <td key={column.id} className={`px-4 py-2.5 align-middle ${cellClass(column)}`}>{column.cell(row.original)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cellClass<Row>(column: Column<Row> | undefined): string {
  return `${column?.figure === true ? 'text-end tabular-nums' : 'text-start'} ${column?.wide === true ? 'hidden md:table-cell' : ''}`;
}
