// bin/lego comes here for `lego run`: as little as possible stands before what has a code cache.
import { loadBundle } from './cached-start.js'
import { compiledHub } from './hub.js'

void loadBundle(compiledHub()).start()
