declare module 'virtual:emoji' {
  export const categories: { index: number; key: string }[];
  export const emojis: { emoji: string; category: number; label: string; version: number; tags: string[] }[];
}
