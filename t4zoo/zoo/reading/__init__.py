"""The zoo as everybody reads it, without git or DVC."""
