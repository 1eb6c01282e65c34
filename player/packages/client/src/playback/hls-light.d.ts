/** The same as hls.js without what only recordings need: several sounds, subtitles. Two thirds of its size. */
declare module 'hls.js/light' {
  import Hls from 'hls.js';

  export default Hls;
}
