import { useSyncExternalStore } from 'react';

/** iPhones show only the video element itself on the full screen. */
type AppleVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

export function toggleFullScreen(frame: HTMLElement | null, video: AppleVideo | null): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
  else if (document.fullscreenEnabled) void frame?.requestFullscreen();
  else video?.webkitEnterFullscreen?.();
}

export async function togglePictureInPicture(video: HTMLVideoElement | null): Promise<void> {
  if (document.pictureInPictureElement !== null) await document.exitPictureInPicture();
  else if (video !== null && video.readyState > 0) await video.requestPictureInPicture();
}

function follow(listener: () => void): () => void {
  document.addEventListener('fullscreenchange', listener);
  return () => document.removeEventListener('fullscreenchange', listener);
}

export function useFullScreen(): boolean {
  return useSyncExternalStore(follow, () => document.fullscreenElement !== null);
}
