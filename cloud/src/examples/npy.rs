//! Arrays in NumPy's own format, version 1.0: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, ensure};

/// The header is padded to a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes `NAME.npy` of 32-bit floats; `shape` lists the axes.
///
/// # Errors
/// When the values do not fill the shape, or the file cannot be written.
pub fn write_floats(folder: &Path, name: &str, shape: &[usize], values: &[f32]) -> anyhow::Result<()> {
    ensure!(values.len() == shape.iter().product::<usize>(), "{name}: {} values for {shape:?}", values.len());
    write(folder, name, "<f4", shape, values.iter().map(|value| value.to_le_bytes()))
}

/// Writes `NAME.npy` of 32-bit integers; `shape` lists the axes.
///
/// # Errors
/// When the values do not fill the shape, or the file cannot be written.
pub fn write_integers(folder: &Path, name: &str, shape: &[usize], values: &[u32]) -> anyhow::Result<()> {
    ensure!(values.len() == shape.iter().product::<usize>(), "{name}: {} values for {shape:?}", values.len());
    let signed = |&value: &u32| i32::try_from(value).unwrap_or(i32::MAX).to_le_bytes();
    write(folder, name, "<i4", shape, values.iter().map(signed))
}

fn write<const N: usize>(
    folder: &Path,
    name: &str,
    kind: &str,
    shape: &[usize],
    values: impl Iterator<Item = [u8; N]>,
) -> anyhow::Result<()> {
    let path = folder.join(format!("{name}.npy"));
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(&path)?);
        file.write_all(&header(kind, shape))?;
        for value in values {
            file.write_all(&value)?;
        }
        file.flush()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let axes: String = shape.iter().map(|axis| format!("{axis},")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({axes}), }}");
    let before = b"\x93NUMPY\x01\x00".len() + 2;
    let padding = ALIGNMENT - (before + text.len() + 1) % ALIGNMENT;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_padded_and_names_the_shape() {
        let header = header("<f4", &[2, 3]);
        assert_eq!(header.len() % ALIGNMENT, 0);
        let text = String::from_utf8_lossy(&header[10..]).into_owned();
        assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,), }"), "{text}");
    }

    #[test]
    fn values_follow_the_header() {
        let folder = tempfile::tempdir().unwrap();
        write_floats(folder.path(), "made", &[2], &[1.0, -2.0]).unwrap();
        let bytes = std::fs::read(folder.path().join("made.npy")).unwrap();
        assert_eq!(bytes[bytes.len() - 8..], [1.0_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat());
        assert!(write_floats(folder.path(), "made", &[3], &[1.0]).is_err());
    }
}
