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
    let signed: Vec<i32> = values.iter().map(|value| i32::try_from(*value).unwrap_or(i32::MAX)).collect();
    write_signed(folder, name, shape, &signed)
}

/// Writes `NAME.npy` of 32-bit integers that may be below zero; `shape` lists the axes.
///
/// # Errors
/// When the values do not fill the shape, or the file cannot be written.
pub fn write_signed(folder: &Path, name: &str, shape: &[usize], values: &[i32]) -> anyhow::Result<()> {
    ensure!(values.len() == shape.iter().product::<usize>(), "{name}: {} values for {shape:?}", values.len());
    write(folder, name, "<i4", shape, values.iter().map(|value| value.to_le_bytes()))
}

/// Reads `NAME.npy` of 32-bit floats in C order with two axes; the number of columns comes first.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub fn read_rows(folder: &Path, name: &str) -> anyhow::Result<(usize, Vec<f32>)> {
    let path = folder.join(format!("{name}.npy"));
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    rows(&bytes).with_context(|| format!("{} is no table of 32-bit floats", path.display()))
}

fn rows(bytes: &[u8]) -> Option<(usize, Vec<f32>)> {
    let (length, rest) = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?.split_first_chunk::<2>()?;
    let (header, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    let header = std::str::from_utf8(header).ok()?;
    let is_plain = header.contains("'<f4'") && header.contains("'fortran_order': False");
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let axes: Vec<usize> = shape.split(',').filter_map(|axis| axis.trim().parse().ok()).collect();
    let &[count, columns] = axes.as_slice() else { return None };
    let value = |bytes: &[u8]| f32::from_le_bytes(std::array::from_fn(|byte| bytes[byte]));
    (is_plain && values.len() == 4 * count * columns)
        .then(|| (columns, values.chunks_exact(4).map(value).collect()))
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
    fn a_written_table_is_read_and_another_array_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_floats(folder.path(), "table", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let (columns, values) = read_rows(folder.path(), "table").unwrap();
        assert_eq!((columns, values), (3, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        write_floats(folder.path(), "list", &[2], &[0.0, 1.0]).unwrap();
        write_integers(folder.path(), "numbers", &[1, 1], &[1]).unwrap();
        for name in ["list", "numbers", "none"] {
            assert!(read_rows(folder.path(), name).is_err(), "{name}");
        }
    }

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
