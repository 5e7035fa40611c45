//! The pixels of a screenshot.

use std::collections::HashMap;
use std::io::Cursor;

/// An RGB picture.
#[derive(Debug)]
pub struct Image {
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The pixels row by row, from the top left.
    pub pixels: Vec<[u8; 3]>,
}

impl Image {
    /// Decodes a PNG of the kind that browsers write: 8 bits per channel, with or without alpha.
    ///
    /// # Panics
    /// If the bytes are not such a PNG.
    pub fn of_png(bytes: &[u8]) -> Image {
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().expect("the bytes are a PNG");
        let size = reader.output_buffer_size().expect("the picture fits into memory");
        let mut data = vec![0; size];
        let info = reader.next_frame(&mut data).expect("the PNG is complete");
        assert_eq!(info.bit_depth, png::BitDepth::Eight, "the number of bits per channel");
        let samples = info.color_type.samples();
        assert!(samples >= 3, "a PNG in colour, not {:?}", info.color_type);
        let pixels = data[..info.buffer_size()].chunks_exact(samples).map(|p| [p[0], p[1], p[2]]).collect();
        Image { width: info.width, height: info.height, pixels }
    }

    /// How many pixels each colour has.
    pub fn colours(&self) -> HashMap<[u8; 3], usize> {
        let mut counts = HashMap::new();
        for &pixel in &self.pixels {
            *counts.entry(pixel).or_default() += 1;
        }
        counts
    }

    /// The mean brightness, from 0 (black) to 255 (white).
    pub fn brightness(&self) -> f64 {
        let sum: u64 = self.pixels.iter().flatten().map(|&c| u64::from(c)).sum();
        sum as f64 / (3 * self.pixels.len()) as f64
    }
}
