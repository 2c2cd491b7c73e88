"""Captures that are asked for now and fetched later: many under one id, or one."""
