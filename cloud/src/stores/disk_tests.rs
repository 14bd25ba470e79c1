use super::*;

#[test]
fn every_folder_that_is_made_is_synced_into_the_one_above() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("served/generations");
    // Two folders, each made and its name synced: four operations, none of which may fail unnoticed.
    for operations in 0..4 {
        let _ = fs::remove_dir_all(folder.path().join("served"));
        fault::after(Some(operations));
        assert!(create_folder(&deep).is_err(), "{operations}");
        fault::after(None);
    }
    let _ = fs::remove_dir_all(folder.path().join("served"));
    fault::after(Some(4));
    create_folder(&deep).unwrap();
    fault::after(None);
    create_folder(&deep).unwrap();
}

#[test]
fn a_copy_is_made_aside_in_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to, aside] = ["from", "to", "aside"].map(|name| folder.path().join(name));
    fs::write(&from, "content").unwrap();
    fs::write(&aside, "somebody's").unwrap();
    assert_eq!(copy_synced(&from, &to, &aside).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!((fs::read(&aside).unwrap().as_slice(), to.exists()), (b"somebody's".as_slice(), false));
    fs::remove_file(&aside).unwrap();
    copy_synced(&from, &to, &aside).unwrap();
    assert_eq!((fs::read(&to).unwrap().as_slice(), aside.exists()), (b"content".as_slice(), false));
}

#[test]
fn an_interrupted_write_leaves_the_old_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("current");
    write_synced(&path, b"old").unwrap();
    for operations in 0..3 {
        fault::after(Some(operations));
        assert!(write_synced(&path, b"new").is_err());
        fault::after(None);
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
    write_synced(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}
