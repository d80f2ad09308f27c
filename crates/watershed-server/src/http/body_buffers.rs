//! Memory of request bodies, used again.
//!
//! A body of a few MiB that gets fresh memory each time costs the kernel about as much as parsing it costs us: every
//! page has to be found, cleared and given back. So the memory of a body that has been dealt with goes to the next
//! one.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

/// The longest body whose memory is kept.
const BUFFER_BYTES_MAX: usize = 8 << 20;

/// The most memory that is kept, over all idle buffers.
const IDLE_BYTES_MAX: usize = 16 << 20;

/// Buffers that no request is using. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyBuffers(Arc<Mutex<Idle>>);

#[derive(Debug, Default)]
struct Idle {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
    /// Whether a buffer was asked for since [`BodyBuffers::age`].
    asked: bool,
}

impl BodyBuffers {
    /// A buffer with any content: what another body has left there.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut idle = self.0.lock();
        idle.asked = true;
        let buffer = idle.buffers.pop().unwrap_or_default();
        idle.bytes -= buffer.capacity();
        buffer
    }

    /// The content of a buffer as bytes; when the last reference to them is dropped, the memory is kept.
    pub(crate) fn share(&self, content: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            content,
            buffers: self.clone(),
        })
    }

    /// Keeps the memory of a buffer for the next body.
    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        let bytes = buffer.capacity();
        if bytes == 0 || bytes > BUFFER_BYTES_MAX {
            return;
        }
        let mut idle = self.0.lock();
        if idle.bytes + bytes <= IDLE_BYTES_MAX {
            idle.bytes += bytes;
            idle.buffers.push(buffer);
        }
    }

    /// Gives up all idle memory if no buffer was asked for since the last call.
    pub(crate) fn age(&self) {
        let mut idle = self.0.lock();
        let unused = (!idle.asked).then(|| std::mem::take(&mut *idle));
        idle.asked = false;
        drop(idle);
        // Given back without the lock.
        drop(unused);
    }
}

/// A buffer that finds its way back.
struct Lent {
    content: Vec<u8>,
    buffers: BodyBuffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.buffers.give_back(std::mem::take(&mut self.content));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_when_the_last_reference_goes() {
        let buffers = BodyBuffers::default();
        let body = buffers.share(b"m f=1".to_vec());
        let part = body.slice(2..);
        drop(body);
        assert_eq!(buffers.0.lock().bytes, 0);
        assert_eq!(&part[..], b"f=1");
        drop(part);
        assert_eq!(buffers.0.lock().buffers.len(), 1);
        assert_eq!(buffers.take(), b"m f=1");
        assert_eq!(buffers.0.lock().bytes, 0);
    }

    #[test]
    fn not_too_much_is_kept() {
        let buffers = BodyBuffers::default();
        buffers.give_back(Vec::new());
        buffers.give_back(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        assert!(buffers.0.lock().buffers.is_empty());
        for _ in 0..100 {
            buffers.give_back(Vec::with_capacity(1 << 20));
        }
        assert_eq!(buffers.0.lock().bytes, IDLE_BYTES_MAX);
        buffers.give_back(buffers.take());
        buffers.age();
        assert_eq!(buffers.0.lock().bytes, IDLE_BYTES_MAX, "one was in use");
        buffers.age();
        assert_eq!(buffers.0.lock().bytes, 0);
    }
}
