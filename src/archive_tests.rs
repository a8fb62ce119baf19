use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// A header as no well-meaning program writes it: the path as it stands.
fn header(path: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    let name = &mut header.as_old_mut().name;
    name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn packed(fill: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut builder);
    builder.into_inner().unwrap().finish().unwrap()
}

fn files(files: &[(&str, &str)]) -> Vec<u8> {
    packed(|builder| {
        for (path, text) in files {
            let header = header(path, EntryType::Regular, text.len() as u64);
            builder.append(&header, text.as_bytes()).unwrap();
        }
    })
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (path, content) in files {
        match path.ends_with('/') {
            true => writer.add_directory(*path, options).unwrap(),
            false => {
                writer.start_file(*path, options).unwrap();
                writer.write_all(content).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

#[track_caller]
fn assert_refused(bytes: &[u8], part: &str) {
    let problem = Archive::unpack(bytes).unwrap_err();
    assert_eq!(problem.code, Code::ManifestArchive);
    assert!(problem.message.contains(part), "{problem}");
    assert!(problem.hint.is_some(), "{problem}");
}

#[test]
fn files_are_found_by_their_paths_and_the_folder_that_holds_them_all() {
    let bytes = files(&[("./shop/Chart.yaml", "name: shop"), ("shop/a/b.txt", "x")]);
    let archive = Archive::unpack(&bytes).unwrap();
    assert_eq!(archive.top(), Some("shop"));
    assert_eq!(archive.text("shop/Chart.yaml"), Some("name: shop"));
    let folder = tempfile::tempdir().unwrap();
    archive.write(folder.path()).unwrap();
    let text = std::fs::read_to_string(folder.path().join("shop/a/b.txt"));
    assert_eq!(text.unwrap(), "x");
    let two = Archive::unpack(&files(&[("a/x", ""), ("b/x", "")])).unwrap();
    assert_eq!(two.top(), None);
}

#[test]
fn a_zip_archive_holds_the_same() {
    let bytes = zipped(&[("shop/", b""), ("shop/a.yml", b"a: 1"), ("shop/b/c", b"x")]);
    let archive = Archive::unpack(&bytes).unwrap();
    assert_eq!(archive.top(), Some("shop"));
    assert_eq!(archive.file("a.yml"), Some(&b"a: 1"[..]));
    assert_eq!(archive.file("b/c"), Some(&b"x"[..]));
    assert_eq!(archive.file("shop/a.yml"), None);
    for path in ["../evil", "shop/../../evil", "/etc/passwd", "a\\..\\b"] {
        assert_refused(&zipped(&[("shop/a.yml", b""), (path, b"x")]), "not below");
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    let link = writer.add_symlink("shop/passwd", "/etc/passwd", options);
    link.unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert_refused(&bytes, "the link `shop/passwd`");
    let large = zipped(&[("large", &vec![b'a'; usize::try_from(BYTES).unwrap() + 1])]);
    assert!(large.len() < 1024 * 1024, "{}", large.len());
    assert_refused(&large, "larger than 16 MiB");
    let whole = zipped(&[("a/b", &[b'x'; 1000])]);
    assert_refused(&whole[..whole.len() / 2], "cannot be read");
    assert_refused(&zipped(&[]), "no files");
}

#[test]
fn what_is_in_an_archive_has_an_address() {
    let archive = Url::parse("https://example.com/shop.tar.gz").unwrap();
    let file = below(&below(&archive, "wiki/1.0"), "a b%.yml");
    assert_eq!(
        file.as_str(),
        "https://example.com/shop.tar.gz#wiki/1.0/a%20b%25.yml"
    );
    assert_eq!(path_within(&file).as_deref(), Some("wiki/1.0/a b%.yml"));
    assert_eq!(path_within(&archive).as_deref(), Some(""));
    let folder = Url::parse("https://example.com/shop/#a.yml").unwrap();
    assert_eq!(path_within(&folder), None);
}

#[test]
fn a_path_that_leads_out_is_refused_by_name() {
    for path in [
        "../evil",
        "shop/../../evil",
        "/etc/passwd",
        "a\\..\\b",
        "a\nb",
    ] {
        assert_refused(&files(&[("shop/Chart.yaml", ""), (path, "x")]), "not below");
    }
}

#[test]
fn links_and_devices_are_refused_by_name() {
    for (kind, part) in [
        (EntryType::Symlink, "the link `shop/passwd`"),
        (EntryType::Link, "the link `shop/passwd`"),
        (EntryType::Fifo, "neither a file nor a folder"),
        (EntryType::Char, "neither a file nor a folder"),
    ] {
        let bytes = packed(|builder| {
            let mut header = header("shop/passwd", kind, 0);
            header.set_link_name("/etc/passwd").unwrap();
            header.set_cksum();
            builder.append(&header, &[][..]).unwrap();
        });
        assert_refused(&bytes, part);
    }
}

#[test]
fn more_than_the_limits_is_refused_however_small_it_is_packed() {
    let large = packed(|builder| {
        let size = BYTES + 1;
        let header = header("shop/large", EntryType::Regular, size);
        builder
            .append(&header, io::repeat(b'a').take(size))
            .unwrap();
    });
    assert!(large.len() < 1024 * 1024, "{}", large.len());
    assert_refused(&large, "larger than 16 MiB");
    let many = packed(|builder| {
        for number in 0..=ENTRIES {
            let header = header(&format!("shop/{number}"), EntryType::Regular, 0);
            builder.append(&header, &[][..]).unwrap();
        }
    });
    assert_refused(&many, "more than 2000 entries");
}

#[test]
fn a_file_that_is_there_twice_and_what_is_no_archive_is_refused() {
    assert_refused(&files(&[("a", "1"), ("./a", "2")]), "twice");
    assert_refused(b"apiVersion: v1\n", "cannot be read");
    assert_refused(&files(&[]), "no files");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&[7; 2048]).unwrap();
    assert_refused(&encoder.finish().unwrap(), "cannot be read");
    let whole = files(&[("a/b", &"x".repeat(100_000))]);
    assert_refused(&whole[..whole.len() / 2], "cannot be read");
}

#[test]
fn what_is_shown_of_it_has_limits_of_its_own() {
    let long = "x".repeat(SHOWN_TEXT + 1);
    let bytes = files(&[("a", "text"), ("b", "\0"), ("c", &long)]);
    let archive = Archive::unpack(&bytes).unwrap();
    assert_eq!(archive.shown().collect::<Vec<_>>(), [("a", "text")]);
}
