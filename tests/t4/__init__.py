"""Tests of t4zoo/t4."""
